#!/usr/bin/python3
"""A camera that this project did not write: GStreamer's RTSP server plays an MP4 file (H.264 or H.265, with AAC or
G.711 A-law sound) without re-encoding.

Needs: apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad python3-gi Run it
with the system's python3: gst_camera.py CLIP.mp4 [PORT]. Serves rtsp://127.0.0.1:PORT/camera
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
clip, port = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "8554"
with open(clip, "rb") as f:
    codec = "h265" if b"hvc1" in (data := f.read()) or b"hev1" in data else "h264"
sound = ""
if b"mp4a" in data:
    sound = "d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"
elif b"alaw" in data:
    sound = "d.audio_0 ! queue ! rtppcmapay name=pay1 pt=8"
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( filesrc location={clip} ! qtdemux name=d d.video_0 ! queue ! {codec}parse config-interval=-1 ! "
    f"rtp{codec}pay name=pay0 pt=96 {sound} )"
)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
sys.stdout.write(f"ready rtsp://127.0.0.1:{port}/camera\n")
sys.stdout.flush()
GLib.MainLoop().run()
