"""The registry (一机一档): inventory file, rows, history, findings, acceptance, import of lists."""
