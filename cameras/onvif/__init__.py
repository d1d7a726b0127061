"""ONVIF client: SOAP over a shared HTTP session, the ONVIF services, and tolerant parsing of malformed replies."""
