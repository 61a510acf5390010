"""All methods, by all metrics, on models and data of one's choice."""
