"""`make chaos`: releases go to production while the parts of the system are killed, frozen and cut off at moments that
a seed determines; at the end, a judge looks at everything from outside."""
