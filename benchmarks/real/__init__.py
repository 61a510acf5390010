"""Real networks and real data, by which all else is judged."""
