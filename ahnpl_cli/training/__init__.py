"""Fine-tuning: batches to features, features to losses, losses to weights."""
