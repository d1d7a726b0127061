"""Files and index agree: recovery after a crash, salvage, adoption, hashing and `archive verify`."""
