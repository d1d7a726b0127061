"""Backup and restore of a station: one archive file with the database, the settings and the small files.

`create.backup` copies a running station, writes the archive and restores it into a temporary folder before it counts.
`restore.restore` makes a data folder from an archive; `adopting.finish` then takes in the footage that is newer than it.
`schedule` does it every night, `core.host.backup_log` remembers how it went. Footage is never in a backup.
"""
