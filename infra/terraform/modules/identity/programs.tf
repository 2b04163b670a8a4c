# What each program does with queues and buckets, as its code does it. A test holds the policies against this table's names.
#   send, take, count   queues that it sends to, takes from, and asks for their depth
#   celery              it reaches its queues through kombu, which looks them up by ListQueues
#   read, write         objects, as bucket/pattern
locals {
  pictures = "pictures/*/????/??/??/*" # SENSOR/YYYY/MM/DD/EVENT.jpg, contracts/picture_keys.py

  programs = {
    # Its presigned places for pictures are as good as its own right to put them.
    gateway = { send = ["waste-events"], take = [], count = [], celery = false, read = [], write = [local.pictures], metrics = false }
    intake = {
      send    = ["waste-work", "waste-work-first", "waste-dead-letters"]
      take    = ["waste-events"]
      count   = []
      celery  = true
      read    = []
      write   = []
      metrics = false
    }
    worker = {
      send    = ["waste-dead-letters"]
      take    = ["waste-work", "waste-work-first"]
      count   = []
      celery  = true
      read    = [local.pictures, "kept/models/*"]
      write   = []
      metrics = false
    }
    drain = { send = [], take = ["waste-dead-letters"], count = [], celery = false, read = [], write = [], metrics = false }
    # What was refused at the door goes through the door again.
    review = {
      send    = ["waste-events"]
      take    = []
      count   = ["waste-dead-letters"]
      celery  = false
      read    = [local.pictures]
      write   = []
      metrics = false
    }
    # Its jobs, its snapshots and what it has trained.
    learning = {
      send    = ["waste-slow"]
      take    = ["waste-slow"]
      count   = []
      celery  = true
      read    = [local.pictures, "kept/lake/*", "kept/models/*"]
      write   = ["kept/lake/*", "kept/models/*"]
      metrics = false
    }
    scaler = {
      send    = []
      take    = []
      count   = ["waste-events", "waste-work", "waste-work-first"]
      celery  = true
      read    = []
      write   = []
      metrics = true
    }
    migrate = { send = [], take = [], count = [], celery = false, read = [], write = [], metrics = false }
  }
}
