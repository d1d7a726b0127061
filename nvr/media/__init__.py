"""Convert RTP packets to samples in fragmented MP4. Entry points: receiver, batch, pictures.depacketizer, mp4.fmp4."""
