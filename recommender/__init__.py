"""What an article and a recommendation are, and everything that leads from one to the other."""
