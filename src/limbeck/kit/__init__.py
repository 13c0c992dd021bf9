"""Small tensor tools without project nouns: randomness, images, devices."""
