"""What leaves the archive: live viewing, HLS, clips, bundles, decoded pictures."""
