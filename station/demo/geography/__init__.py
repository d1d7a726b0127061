"""The demo's fictional town as a map: terrain, water, villages, roads, houses and places for cameras.

Everything follows from one seed, so that two starts of the demo give the same town. Coordinates are metres east and
north of ORIGIN (`terrain`); `layers.write` writes the map as GeoJSON in WGS 84. Entry point: `town_map.generate`.
"""
