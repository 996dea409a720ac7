package generators

// jvmGenerators are those of openapi-generator for Java and Kotlin.
var jvmGenerators = []generator{}
