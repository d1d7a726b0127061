"""The batch path: depacketize the ordinary data of many cameras at once, with NumPy."""
