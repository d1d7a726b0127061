"""Backup and restore of a station: one archive file with the database, the settings and the small files.

`create.backup` copies a running station, writes the archive and restores it into a temporary folder before it counts as
good. `restore.restore` creates a data folder from an archive; `index_newer_footage.adopt_newer_footage` then indexes
the footage that is newer than it. `schedule` makes a backup every night; `core.host.backup_log` stores the results. A
backup never contains footage.
"""
