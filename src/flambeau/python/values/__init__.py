"""What Python objects mean in a script."""
