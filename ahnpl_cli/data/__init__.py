"""Files in and out: captions, JSONL, tensors, images, batches."""
