"""What time a stream's recordings cover: its timeline, gaps, short holes and corrections of the clock."""
