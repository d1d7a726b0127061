"""`minwang demo`: the whole station over a small town of virtual cameras."""
