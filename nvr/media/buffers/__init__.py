"""Memory of a stream's bytes: shared read buffers, and lists of places written with one system call."""
