"""GStreamer's RTSP server with live H.264, as a separate program: only the system's Python has the bindings.

    /usr/bin/python3 gst_server.py tcp|udp KILOBITS

Prints its port. Needs gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-{base,good,bad,ugly}.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PICTURE = "video/x-raw,width=640,height=360,framerate=25/1"
ENCODER = (
    "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bitrate={kilobits} ! video/x-h264,profile=baseline"
)


def main() -> None:
    transport, kilobits = sys.argv[1], int(sys.argv[2])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    source = f"videotestsrc is-live=true pattern=snow ! {PICTURE} ! {ENCODER.format(kilobits=kilobits)}"
    factory.set_launch(f"( {source} ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
    factory.set_shared(True)
    chosen = GstRtsp.RTSPLowerTrans.UDP if transport == "udp" else GstRtsp.RTSPLowerTrans.TCP
    factory.set_protocols(chosen)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


main()
