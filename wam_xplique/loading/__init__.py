"""Models from files and by their names, and what their inputs and outputs mean."""
