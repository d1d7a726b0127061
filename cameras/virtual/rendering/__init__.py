"""Draws what a surveillance camera of a village street sees: streets, houses, people, riders and cars by day and night.

`view` says what stands and moves before a camera, in metres; `background` draws what stands, once; `film` adds what
moves, picture by picture. It need not look like a photograph, but like a camera's picture.
"""
