// Command search runs the shop's search service.
package main

import (
	"example.com/shop/internal/service"
	"example.com/shop/search"
)

func main() { service.Main("search", search.Open) }
