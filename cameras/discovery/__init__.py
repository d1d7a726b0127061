"""Discovery: WS-Discovery, port scans, and the identity of the devices that answer."""
