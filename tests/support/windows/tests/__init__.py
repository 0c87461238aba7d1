"""The model's own tests: a scripted controller speaks the frames."""
