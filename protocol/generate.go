package protocol

// protoc is Debian's protobuf-compiler; the plugin is the version of go.mod.
//go:generate sh -c "cd .. && go build -o build/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go && protoc --plugin=build/protoc-gen-go --go_out=. --go_opt=module=signet protocol/signet.proto"
