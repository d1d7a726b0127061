#!/usr/bin/env python3
"""Verify a Minwang evidence package. One file, Python 3.9 or newer, nothing installed.

    python3 -I -S verify.py FOLDER [--key FINGERPRINT] [--lang zh|en] [--json]

It says what is whole and what is not, which seconds of which camera a changed byte belongs to, and prints the custody.
`--key` is the fingerprint of the station's key as the station publishes it (on its page, on the signed paper record). A
package can be made and signed by anybody; only the fingerprint tells who signed it.

Status: 0 whole, and signed by the given key; 1 not whole, or signed by another key; 2 wrong use; 3 whole, but no key
was given to compare with.

Ed25519 follows RFC 8032, section 5.1, with its test vectors in the project's tests. It only verifies; no secret is
handled, so nothing here runs in constant time.
"""

import argparse
import hashlib
import json
import os
import stat
import sys
import zlib
from datetime import datetime, timedelta, timezone

FORMAT = "minwang-evidence/1"
MANIFEST, SIGNATURE, SUMS = "manifest.json", "manifest.sig", "SHA256SUMS"
MAX_MANIFEST, MAX_PLACES, MAX_FILES = 256 << 20, 64 << 20, 1_000_000
CHUNK = 1 << 20
CHINA = timezone(timedelta(hours=8))
MAX_RANGES = 20  # listed of one file

TEXTS = {
    "zh": {
        "not_a_package": "{0} 不是证据包:缺少 {1}",
        "unreadable": "{0}:无法读取({1})",
        "bad_manifest": "清单 manifest.json 无法识别:{0}",
        "format": "证据包格式 {0} 未知;请使用同版本的校验程序",
        "signature_ok": "签名有效,公钥指纹 {0}",
        "signature_bad": "清单签名无效:清单在签名后被改动,或签名文件损坏",
        "key_other": "签名公钥不是所给公钥:包内 {0},所给 {1}",
        "key_unknown": "未核对签名人:请用 --key 给出派出所公布的公钥指纹",
        "missing": "缺少文件 {0}",
        "extra": "清单之外的文件 {0}",
        "size": "{0}:应为 {1} 字节,实为 {2} 字节",
        "changed": "{0}:内容被改动",
        "no_regular": "{0}:不是普通文件",
        "where": "    {0}:{1} 至 {2}",
        "where_head": "    {0}:文件头或索引(不含画面)",
        "where_more": "    另有 {0} 处",
        "where_unknown": "    无法定位到时间:{0}",
        "sums": "SHA256SUMS 与清单不符:{0}",
        "recorded": "{0}:与录制时的校验值不符",
        "unhashed": "{0}:录制时没有校验值,只能证明提取后未改动",
        "custody_broken": "保管记录第 {0} 条与前一条不相接",
        "custody": "保管记录:",
        "gap": "缺失录像:{0} {1} 至 {2},原因 {3}",
        "gaps": "缺失录像:",
        "whole": "完整:{0} 个文件,{1} 字节,与清单一致",
        "broken": "不完整:发现 {0} 处问题",
        "package": "证据包 {0},申请 {1},案件 {2}",
    },
    "en": {
        "not_a_package": "{0} is not an evidence package: {1} is missing",
        "unreadable": "{0}: cannot be read ({1})",
        "bad_manifest": "manifest.json cannot be understood: {0}",
        "format": "the package's format {0} is not known; use the verifier of its version",
        "signature_ok": "the signature is valid, key {0}",
        "signature_bad": "the signature is not valid: the manifest, or its signature, was changed after the signing",
        "key_other": "signed by another key: {0} in the package, {1} given",
        "key_unknown": "not checked who signed it: give the fingerprint that the station publishes with --key",
        "missing": "{0} is missing",
        "extra": "{0} is not in the manifest",
        "size": "{0}: {1} bytes expected, {2} found",
        "changed": "{0}: its content was changed",
        "no_regular": "{0}: not a regular file",
        "where": "    {0}: {1} to {2}",
        "where_head": "    {0}: the file's head or index (no picture)",
        "where_more": "    {0} more places",
        "where_unknown": "    the time is not known: {0}",
        "sums": "SHA256SUMS differs from the manifest: {0}",
        "recorded": "{0}: differs from the hash taken when it was recorded",
        "unhashed": "{0}: no hash was taken when it was recorded; it is only proved unchanged since the extraction",
        "custody_broken": "entry {0} of the custody does not follow from the one before",
        "custody": "Custody:",
        "gap": "not recorded: {0} {1} to {2}, cause {3}",
        "gaps": "Not recorded:",
        "whole": "whole: {0} files, {1} bytes, as in the manifest",
        "broken": "not whole: {0} problems",
        "package": "package {0}, request {1}, case {2}",
    },
}

# Ed25519, RFC 8032 section 5.1: the curve -x^2 + y^2 = 1 + d x^2 y^2 over the field of P elements.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # order of the base point
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def _add(a, b):
    """Add points in extended coordinates (X, Y, Z, T), RFC 8032 section 5.1.4."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return (f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P


def _times(factor, point):
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point, factor = _add(point, point), factor >> 1
    return result


def _decoded(data):
    """Return the point of 32 bytes (RFC 8032 section 5.1.3); None if they are none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = _decoded((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def _same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def signature_is_valid(public, message, signature):
    """Return whether `signature` (64 bytes) of `message` is by the key `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _decoded(public), _decoded(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or s >= L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return _same(_times(s, BASE), _add(commitment, _times(challenge, key)))


def fingerprint(public):
    """Return the SHA-256 of a public key in hexadecimal groups of four, as papers print it."""
    digits = hashlib.sha256(public).hexdigest()
    return " ".join(digits[i : i + 4] for i in range(0, 64, 4))


def is_safe(path):
    """Return whether a path of the manifest stays inside the package."""
    parts = path.split("/")
    return bool(path) and "\\" not in path and "\0" not in path and not any(p in ("", ".", "..") for p in parts)


class Verification:
    """Collects what is wrong with one package."""

    def __init__(self, folder, key, texts):
        self.folder, self.key, self.texts = folder, key, texts
        self.problems, self.notes, self.lines = [], [], []
        self.manifest, self.is_key_known = {}, False
        self.bytes = 0

    def say(self, code, *values):
        text = self.texts[code].format(*(printable(v) for v in values))
        self.lines.append(text)
        return text

    def problem(self, code, *values):
        text = self.say(code, *values)
        self.problems.append({"code": code, "values": [str(v) for v in values], "text": text, "where": []})

    def note(self, code, *values):
        self.notes.append({"code": code, "text": self.say(code, *values)})

    def path(self, name):
        return os.path.join(self.folder, *name.split("/"))

    def open_regular(self, name):
        """Open a file of the package without following a link, anywhere in its path. Raises OSError."""
        where = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            *folders, last = name.split("/")
            for part in folders:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=where)
                os.close(where)
                where = inner
            descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=where)
        finally:
            os.close(where)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(21, "not a regular file")
        return os.fdopen(descriptor, "rb", CHUNK)

    def read(self, name, limit):
        with self.open_regular(name) as f:
            data = f.read(limit + 1)
        if len(data) > limit:
            raise OSError(27, "too large")
        return data

    def run(self):
        """Return the exit status."""
        try:
            manifest_bytes, signature = self.read(MANIFEST, MAX_MANIFEST), self.read(SIGNATURE, 1000)
        except FileNotFoundError as e:
            self.problem("not_a_package", self.folder, os.path.basename(e.filename or MANIFEST))
            return 1
        except OSError as e:
            self.problem("unreadable", MANIFEST, e.strerror or e)
            return 1
        if not self.read_manifest(manifest_bytes):
            return 1
        request = self.manifest["request"]
        self.say("package", self.manifest["number"], request.get("number", ""), request.get("case", ""))
        self.check_signature(manifest_bytes, signature)
        self.check_sums(manifest_bytes)
        self.check_files()
        self.check_custody()
        self.print_gaps()
        if self.problems:
            self.say("broken", len(self.problems))
            return 1
        self.say("whole", len(self.manifest["files"]), self.bytes)
        return 0 if self.is_key_known else 3

    def read_manifest(self, data):
        try:
            found = json.loads(data.decode("utf-8"))
            if found.get("format") != FORMAT:
                self.problem("format", found.get("format"))
                return False
            check_shape(found)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            self.problem("bad_manifest", str(e)[:200])
            return False
        self.manifest = found
        return True

    def check_signature(self, data, signature):
        try:
            public = bytes.fromhex(self.manifest["key"]["public"])
            signed = bytes.fromhex(signature.decode("ascii").strip())
            valid = signature_is_valid(public, data, signed)
        except ValueError:
            public, valid = b"", False
        if not valid:
            self.problem("signature_bad")
            return
        own = fingerprint(public)
        if self.key is None:
            self.say("signature_ok", own)
            self.note("key_unknown")
        elif normal(self.key) != normal(own):
            self.problem("key_other", own, self.key)
        else:
            self.say("signature_ok", own)
            self.is_key_known = True

    def check_sums(self, manifest_bytes):
        """SHA256SUMS is for `sha256sum -c`: it must say the same as the signed manifest."""
        wanted = {f["path"]: f["sha256"] for f in self.manifest["files"]}
        wanted[MANIFEST] = hashlib.sha256(manifest_bytes).hexdigest()
        try:
            text = self.read(SUMS, MAX_MANIFEST).decode("utf-8")
        except FileNotFoundError:
            self.problem("missing", SUMS)
            return
        except (OSError, ValueError) as e:
            self.problem("unreadable", SUMS, e)
            return
        found = {}
        for line in text.splitlines():
            digest, separator, path = line.partition("  ")
            if not separator:
                self.problem("sums", line[:100])
                return
            found[path] = digest
        found.pop(SIGNATURE, None)
        for path in sorted(p for p in set(found) | set(wanted) if found.get(p) != wanted.get(p)):
            self.problem("sums", path)

    def check_files(self):
        listed = {f["path"]: f for f in self.manifest["files"]}
        for name, entry in listed.items():
            self.check_file(name, entry)
        self.check_extra(set(listed) | {MANIFEST, SIGNATURE, SUMS})

    def check_file(self, name, entry):
        try:
            with self.open_regular(name) as f:
                size, digest = os.fstat(f.fileno()).st_size, hashlib.sha256()
                while True:
                    chunk = f.read(CHUNK)
                    if not chunk:
                        break
                    digest.update(chunk)
        except FileNotFoundError:
            self.problem("missing", name)
            return
        except OSError as e:
            self.problem("unreadable", name, e.strerror or e)
            return
        self.bytes += size
        recorded = entry.get("recorded_sha256")
        if size != entry["size"]:
            self.problem("size", name, entry["size"], size)
            self.locate(name, entry)
        elif digest.hexdigest() != entry["sha256"]:
            self.problem("changed", name)
            self.locate(name, entry)
        elif recorded is not None and recorded != entry["sha256"]:
            self.problem("recorded", name)
        elif entry["kind"] == "original" and recorded is None:
            self.note("unhashed", name)

    def check_extra(self, known):
        for folder, folders, files in os.walk(self.folder):
            links = [d for d in folders if os.path.islink(os.path.join(folder, d))]
            for file in [*files, *links]:
                name = os.path.relpath(os.path.join(folder, file), self.folder).replace(os.sep, "/")
                if name not in known:
                    self.problem("extra", name)

    def locate(self, name, entry):
        """Add to the last problem which seconds the changed bytes belong to."""
        problem = self.problems[-1]
        try:
            blocks = self.blocks_of(entry)
        except (OSError, ValueError, KeyError, TypeError) as e:
            self.say("where_unknown", str(e)[:100])
            return
        if blocks is None:
            if "start" in entry:
                self.say("where", entry.get("camera", ""), entry["start"], entry["end"])
            return
        bad = []
        try:
            with self.open_regular(name) as f:
                for offset, size, start, end, crc in blocks:
                    f.seek(offset)
                    if crc_of(f, size) != crc:
                        bad.append((start, end))
        except OSError as e:
            self.say("where_unknown", e.strerror or e)
            return
        for start, end in bad[:MAX_RANGES]:
            problem["where"].append({"camera": entry["camera"], "start_us": start, "end_us": end})
            if start is None:
                self.say("where_head", entry["camera"])
            else:
                self.say("where", entry["camera"], moment(start), moment(end))
        if len(bad) > MAX_RANGES:
            self.say("where_more", len(bad) - MAX_RANGES)

    def blocks_of(self, entry):
        """Return (offset, bytes, start, end in µs UTC or None, CRC-32) of an original's parts; None for other files."""
        if "places" not in entry:
            return None
        listed = {f["path"]: f for f in self.manifest["files"]}
        data = self.read(entry["places"], MAX_PLACES)
        if hashlib.sha256(data).hexdigest() != listed[entry["places"]]["sha256"]:
            raise ValueError(entry["places"])
        return [
            (int(o), int(n), None if a is None else int(a), None if b is None else int(b), int(c))
            for o, n, a, b, c in json.loads(data)[entry["path"]]
        ]

    def check_custody(self):
        self.say("custody")
        before = ""
        for i, event in enumerate(self.manifest["custody"], 1):
            if event["previous"] != before:
                self.problem("custody_broken", i)
            before = hashlib.sha256(canonical(event)).hexdigest()
            told = (printable(event.get(k, "")) for k in ("at", "actor", "action", "detail"))
            self.lines.append("    " + "  ".join(told))

    def print_gaps(self):
        if self.manifest["gaps"]:
            self.say("gaps")
        for gap in self.manifest["gaps"]:
            told = (printable(gap[k]) for k in ("camera", "start", "end", "cause"))
            self.lines.append("    " + self.texts["gap"].format(*told))


def check_shape(manifest):
    """Raise ValueError, KeyError or TypeError where a manifest lacks what the verifier reads."""
    if not isinstance(manifest["key"]["public"], str) or not isinstance(manifest["request"], dict):
        raise ValueError("key, request")
    str(manifest["number"])
    if len(manifest["files"]) > MAX_FILES:
        raise ValueError("too many files")
    seen = set()
    for entry in manifest["files"]:
        path = entry["path"]
        if not isinstance(path, str) or not is_safe(path) or path in seen or path in (MANIFEST, SIGNATURE, SUMS):
            raise ValueError("path " + repr(path)[:100])
        seen.add(path)
        if not isinstance(entry["size"], int) or not isinstance(entry["sha256"], str) or len(entry["sha256"]) != 64:
            raise ValueError("entry of " + path)
        if entry["kind"] not in ("original", "viewing", "document", "places"):
            raise ValueError("kind of " + path)
        if "places" in entry and (not is_safe(entry["places"]) or not isinstance(entry["camera"], str)):
            raise ValueError("places of " + path)
    for event in manifest["custody"]:
        if not isinstance(event["previous"], str):
            raise ValueError("custody")
    for gap in manifest["gaps"]:
        for key in ("camera", "start", "end", "cause"):
            gap[key]


def crc_of(file, size):
    crc = 0
    while size > 0:
        chunk = file.read(min(size, CHUNK))
        if not chunk:
            return None
        crc, size = zlib.crc32(chunk, crc), size - len(chunk)
    return crc


def canonical(value):
    """Return the bytes of a JSON value whose hash links the custody's entries."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def moment(us):
    found = datetime.fromtimestamp(us / 1e6, CHINA)
    return found.isoformat(timespec="milliseconds")


def normal(text):
    return "".join(text.split()).replace(":", "").lower()


def printable(value):
    """Names come from the package: control characters, line breaks among them, are not sent to the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(value))


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Verify a Minwang evidence package / 校验民网证据包")
    parser.add_argument("folder")
    parser.add_argument("--key", help="fingerprint of the station's key / 派出所公布的公钥指纹")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
    chosen = parser.parse_args(arguments)
    if chosen.key is not None and len(normal(chosen.key)) != 64:
        parser.error("--key: a fingerprint has 64 hexadecimal digits")
    verification = Verification(chosen.folder, chosen.key, TEXTS[chosen.lang])
    status = verification.run()
    if chosen.json:
        found = {"status": status, "bytes": verification.bytes}
        found.update(problems=verification.problems, notes=verification.notes)
        print(json.dumps(found, ensure_ascii=False))
    else:
        sys.stdout.reconfigure(errors="replace")
        print("\n".join(verification.lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
