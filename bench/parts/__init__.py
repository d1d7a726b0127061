"""Parts of `./minwang bench recorder`: each has `run(context) -> list[Figure]`."""
