"""ONVIF client: SOAP over a shared HTTP session, the services, and the repair of what cameras send."""
