output "listener_arn" {
  value       = aws_lb_listener.https.arn
  description = "Where rules are hung."
}

output "arn_suffix" {
  value       = aws_lb.this.arn_suffix
  description = "How its metrics name it."
}

output "dns_name" {
  value       = aws_lb.this.dns_name
  description = "What both names are a CNAME or alias of."
}
