FROM golang:1.26 AS build
WORKDIR /src
# The modules first: they change less often than the code, and stay in the builder's cache.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/parley ./cmd/parley && mkdir /out/data

# Certificates, an account without rights, a /tmp, and nothing to run but Parley.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/parley /usr/local/bin/parley
COPY --from=build --chown=nonroot:nonroot /out/data /data
ENV PARLEY_LISTEN=:8080 PARLEY_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["parley"]
CMD ["serve"]
