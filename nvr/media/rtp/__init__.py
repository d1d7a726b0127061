"""RTP and RTCP: sources, sequence numbers, payload formats and reports."""
