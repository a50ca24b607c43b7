"""Sugared values: what names and expressions mean while a function is compiled."""
