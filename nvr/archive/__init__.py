"""The archive. Entry points: segment_index, archive_log, reader, writing.segment_writer, retention, integrity."""
