"""The way to the model's server: its address, connections to it, and a pool of them."""
