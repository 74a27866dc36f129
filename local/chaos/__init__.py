"""`make chaos`: releases go to production while the parts of the system are killed, frozen and cut off at moments that
a seed draws; at the end all of it is judged from outside."""
