"""The processes: controller, recorder, analyst, and what each does on a schedule."""
