"""What people see in a browser. Reads the store and renders; knows no socket."""
