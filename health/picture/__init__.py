"""Picture faults: measurements, a camera's baseline, and the judgement of one inspection."""
