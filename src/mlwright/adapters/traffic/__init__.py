"""What routes requests to versions."""
