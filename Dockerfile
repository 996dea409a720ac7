# Parley in an image. "make image" builds it and gives it the version, the commit and the date of the commit.
# The base images are named by digest, so that a build of the same commit is made of the same parts. The digests are
# those of an index of all platforms; Dependabot proposes newer ones.
FROM golang:1.26.8@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a AS build
WORKDIR /src
# The modules first: they change less often than the code, and stay in the builder's cache.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Declared as late as possible: a new value discards the cached layers that follow.
ARG VERSION= COMMIT= DATE=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/parley \
    -ldflags "-s -w \
      -X github.com/parley-chat/parley/cmd/parley/version.Version=$VERSION \
      -X github.com/parley-chat/parley/cmd/parley/version.Commit=$COMMIT \
      -X github.com/parley-chat/parley/cmd/parley/version.Date=$DATE" \
    ./cmd/parley && mkdir /out/data

# Certificates, an account without rights, a /tmp, and nothing to run but Parley.
FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
ARG VERSION= COMMIT= DATE=
LABEL org.opencontainers.image.title="Parley" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/parley-chat/parley" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.created="$DATE"
COPY --from=build /out/parley /usr/local/bin/parley
COPY --from=build --chown=nonroot:nonroot /out/data /data
ENV PARLEY_LISTEN=:8080 PARLEY_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["parley"]
CMD ["serve"]
