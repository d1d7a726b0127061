"""Convert RTP packets to samples in fragmented MP4: depacketizers, parameter sets, picture times, MP4 boxes."""
