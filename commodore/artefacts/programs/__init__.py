"""Program files and what signs them."""
