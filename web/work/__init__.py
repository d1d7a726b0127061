"""Background work of the web server: event feed, motion searches, onboarding jobs, printing, picture files."""
