"""The real parts a cloud is made of on one machine (OVN, libvirt, NATS): started, watched, ended here."""
