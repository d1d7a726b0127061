"""The console and the phone page in Chromium, with the running demo town; nothing is mocked."""
