"""Virtual cameras: a real ONVIF service and a real RTSP server that play clips, with switchable faults.

A tool for demos, tests and load runs; the product treats them like any other camera.
"""
