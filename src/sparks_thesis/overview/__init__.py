"""Tables about all chapters: claims, published numbers beside ours, data and models."""
