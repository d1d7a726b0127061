"""Messages by e-mail over SMTP. The message's number is made of its key, so that mail systems drop a repetition."""

from __future__ import annotations

import asyncio
import hashlib
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from typing import Literal

import aiosmtplib
from pydantic import BaseModel, ConfigDict, Field

from core.clock import Clock
from core.notify.channels.base import AnswerLost, ChannelRefused, ChannelUnavailable, Outgoing, Receipt

PERMANENT = range(500, 600)


class MailSecurity(StrEnum):
    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"  # only where the server is on this machine or on a network of one's own


class MailTemplate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["smtp"]
    host: str
    port: int = Field(ge=1, le=65535)
    security: MailSecurity = MailSecurity.TLS
    user: str = ""
    secret: str = Field("", description="Name of the password's secret; empty: no sign-in")
    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    timeout_s: float = Field(20.0, gt=0, le=120)


class Mail:
    def __init__(self, template: MailTemplate, password: str, clock: Clock):
        self._template, self._password, self._clock = template, password, clock

    def message(self, out: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._template.sender, out.address, out.title
        mail["Date"] = format_datetime(self._clock.now())
        domain = self._template.sender.rpartition("@")[2]
        mail["Message-ID"] = f"<{hashlib.sha256(out.key.encode()).hexdigest()[:40]}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(out.text)
        return mail

    async def send(self, message: Outgoing) -> Receipt:
        t, sent = self._template, False
        try:
            mail = self.message(message)
        except ValueError as e:  # an address or title with a line break
            raise ChannelRefused("the address cannot stand in a mail's head") from e
        smtp = aiosmtplib.SMTP(
            hostname=t.host, port=t.port, timeout=t.timeout_s, use_tls=t.security is MailSecurity.TLS,
            start_tls=t.security is MailSecurity.STARTTLS,
        )  # fmt: skip
        try:
            async with asyncio.timeout(t.timeout_s):
                await smtp.connect()
                if t.user:
                    await smtp.login(t.user, self._password)
                sent = True
                _, answer = await smtp.send_message(mail)
                return Receipt(reference=answer[:120])
        except aiosmtplib.SMTPRecipientsRefused as e:
            codes = [r.code for r in e.recipients]
            raise _refusal(codes[0] if codes else 0) from e
        except aiosmtplib.SMTPResponseException as e:
            raise _refusal(e.code) from e
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as e:
            error = AnswerLost if sent else ChannelUnavailable
            raise error(f"the mail server did not answer as it should ({type(e).__name__})") from e
        finally:
            smtp.close()


def _refusal(code: int) -> ChannelRefused | ChannelUnavailable:
    error = ChannelRefused if code in PERMANENT else ChannelUnavailable
    return error(f"the mail server answered with code {code}")
