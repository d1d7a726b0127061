"""Output of the archive: live viewing, HLS, clips, bundles, decoded pictures."""
