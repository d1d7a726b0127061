"""RTSP client: dialogue, SDP, transports, and the sockets of playing cameras."""
