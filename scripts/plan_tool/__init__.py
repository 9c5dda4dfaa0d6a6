"""What `scripts/plan` is made of: reading, words, the account of each device, the picture."""
